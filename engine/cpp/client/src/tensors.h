// Tensors of a response body: a JSON header that describes them, followed by their bytes.
#pragma once

#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ecgdigit {

// Reason why a response is malformed. The exception is caught in `result_from_response`.
class MalformedResponse : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// Throws MalformedResponse with `reason` if the condition is false.
void require(bool condition, const std::string& reason);

// One output. `bytes` is a view of the response body, which must outlive it.
struct Tensor {
    std::string datatype;
    std::vector<std::size_t> shape;
    std::string_view bytes;
};

using Tensors = std::map<std::string, Tensor, std::less<>>;

// Returns the tensors of a body by name. `header_length` is the value of the HTTP header
// `Inference-Header-Content-Length`. Throws MalformedResponse.
Tensors tensors_from_body(std::string_view body, std::string_view header_length);

// Return the values of a tensor. Throw MalformedResponse if its type, shape or size is not as expected.
std::vector<float> floats(const Tensors& tensors, std::string_view name,
                          const std::vector<std::size_t>& shape);
std::vector<std::string> strings(const Tensors& tensors, std::string_view name,
                                 const std::vector<std::size_t>& shape);

// Returns the shape of a tensor with this number of axes. Throws MalformedResponse.
const std::vector<std::size_t>& shape_of(const Tensors& tensors, std::string_view name,
                                         std::size_t axis_count);

}  // namespace ecgdigit
