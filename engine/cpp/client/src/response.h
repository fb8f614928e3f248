// HTTP responses and their strict validation.
#pragma once

#include <string>

#include "ecgdigit/client.h"

namespace ecgdigit {

// An HTTP response. `header_length` is the value of Inference-Header-Content-Length. It is empty if the
// server did not send this header, as in error responses.
struct Response {
    long status = 0;
    std::string header_length;
    std::string body;
};

// Returns the page, or an error if the server rejected the request or the response is malformed.
Result result_from_response(const Response& response);

// Returns the error of a response that cannot be used.
Error malformed_response(const std::string& reason);

}  // namespace ecgdigit
