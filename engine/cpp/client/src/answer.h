// What came back, believed only where it can be what the model gives.
#pragma once

#include "ecgdigit/client.h"
#include "response.h"

namespace ecgdigit {

Answer answer_from_response(const Response& response);

// An answer that cannot be used, for a reason.
Error malformed(const std::string& reason);

}  // namespace ecgdigit
