#pragma once

#include <string>

namespace ecgdigit {

// What came back by HTTP. header_length: empty where the server sent none, as with its refusals.
struct Response {
    long status = 0;
    std::string header_length;
    std::string body;
};

}  // namespace ecgdigit
