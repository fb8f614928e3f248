// The body of a request: one page as KServe's protocol, version 2, with binary tensors writes it.
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

// image: shorter than 2³² bytes, since 4 of them tell its length.
Request request_from_page(std::string_view image, const Told& told, std::string_view id);

}  // namespace ecgdigit
