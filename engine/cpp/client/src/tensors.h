// The body of an answer: a JSON header that names tensors, and their bytes behind it.
#pragma once

#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ecgdigit {

// An answer that cannot be what the model gives. It ends the reading of the answer and goes no further than
// `answer_from_response`.
class Malformed : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

void require(bool is_so, const std::string& else_reason);

// One output. bytes: inside of the body it was read from.
struct Tensor {
    std::string datatype;
    std::vector<std::size_t> shape;
    std::string_view bytes;
};

using Tensors = std::map<std::string, Tensor, std::less<>>;

// header_length: what the HTTP header `Inference-Header-Content-Length` says. Throws Malformed.
Tensors tensors_from_body(std::string_view body, std::string_view header_length);

// The tensor's values, of a shape that is known. Throws Malformed where type, shape and bytes disagree.
std::vector<float> floats(const Tensors& tensors, std::string_view name,
                          const std::vector<std::size_t>& shape);
std::vector<std::string> texts(const Tensors& tensors, std::string_view name,
                               const std::vector<std::size_t>& shape);

// The shape alone, of so many axes. Throws Malformed.
const std::vector<std::size_t>& shape_of(const Tensors& tensors, std::string_view name, std::size_t axes);

}  // namespace ecgdigit
