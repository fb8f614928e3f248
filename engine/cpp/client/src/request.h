// Request for one page in the KServe V2 protocol with binary tensors.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ecgdigit/client.h"

namespace ecgdigit {

struct Request {
    std::string body;
    std::size_t header_length;  // of the JSON before the tensors
};

// Returns the request for an encoded image, which must be shorter than 2³² bytes: its length is sent in 4
// bytes.
Request request_from_page(std::string_view image, const PageOptions& options, std::string_view id);

}  // namespace ecgdigit
