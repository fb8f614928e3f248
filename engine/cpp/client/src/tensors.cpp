#include "tensors.h"

#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "wire.h"

namespace ecgdigit {
namespace {

using nlohmann::json;

constexpr std::size_t length_bytes = 4;  // before each text

std::size_t size_from_json(const json& value) {
    require(value.is_number_unsigned(), "a size is no whole number: " + value.dump());
    return value.get<std::size_t>();
}

std::string text_from_json(const json& object, const char* key) {
    require(object.is_object() && object.contains(key) && object[key].is_string(),
            std::string("an output has no ") + key);
    return object[key].get<std::string>();
}

std::size_t binary_size(const json& output, const std::string& name) {
    const bool is_binary = output.contains("parameters") && output["parameters"].is_object() &&
                           output["parameters"].contains("binary_data_size");
    require(is_binary, name + " did not come as binary data");
    return size_from_json(output["parameters"]["binary_data_size"]);
}

json parsed_header(std::string_view text) {
    json header = json::parse(text.begin(), text.end(), nullptr, false);
    require(!header.is_discarded(), "its header is no JSON");
    require(header.is_object() && header.contains("outputs") && header["outputs"].is_array(),
            "its header lists no outputs");
    return header;
}

std::size_t number_from_text(std::string_view text) {
    std::size_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    require(problem == std::errc{} && end == text.data() + text.size(),
            "its header's length is no number: " + std::string(text.substr(0, 40)));
    return value;
}

// How many values a shape has. Throws Malformed where that is no size at all.
std::size_t count(const std::vector<std::size_t>& shape) {
    std::size_t product = 1;
    for (const std::size_t side : shape) {
        const bool fits = side == 0 || product <= std::numeric_limits<std::size_t>::max() / side;
        require(fits, "a shape is larger than any memory");
        product *= side;
    }
    return product;
}

const Tensor& tensor(const Tensors& tensors, std::string_view name) {
    const auto found = tensors.find(name);
    require(found != tensors.end(), "it has no output " + std::string(name));
    return found->second;
}

const Tensor& tensor_of(const Tensors& tensors, std::string_view name, std::string_view datatype,
                        const std::vector<std::size_t>& shape) {
    const Tensor& found = tensor(tensors, name);
    require(found.datatype == datatype, std::string(name) + " is of type " + found.datatype);
    require(found.shape == shape, "the shape of " + std::string(name) + " does not fit the others");
    return found;
}

}  // namespace

void require(bool is_so, const std::string& else_reason) {
    if (!is_so) throw Malformed(else_reason);
}

Tensors tensors_from_body(std::string_view body, std::string_view header_length) {
    const std::size_t length = number_from_text(header_length);
    require(length <= body.size(), "its header is longer than all of it");
    const json header = parsed_header(body.substr(0, length));
    std::string_view rest = body.substr(length);
    Tensors tensors;
    for (const json& output : header["outputs"]) {
        const std::string name = text_from_json(output, "name");
        Tensor one{text_from_json(output, "datatype"), {}, {}};
        require(output.contains("shape") && output["shape"].is_array(), name + " has no shape");
        for (const json& side : output["shape"]) one.shape.push_back(size_from_json(side));
        const std::size_t size = binary_size(output, name);
        require(size <= rest.size(), "it ends inside of " + name);
        one.bytes = rest.substr(0, size);
        rest.remove_prefix(size);
        require(tensors.emplace(name, std::move(one)).second, name + " is there twice");
    }
    require(rest.empty(), "more bytes follow than its header tells of");
    return tensors;
}

std::vector<float> floats(const Tensors& tensors, std::string_view name,
                          const std::vector<std::size_t>& shape) {
    const Tensor& found = tensor_of(tensors, name, "FP32", shape);
    const std::size_t size = count(shape);
    // Division, since size * 4 may not fit.
    require(found.bytes.size() % sizeof(float) == 0 && found.bytes.size() / sizeof(float) == size,
            std::string(name) + " has not as many bytes as its shape needs");
    std::vector<float> values;
    values.reserve(size);
    for (std::size_t place = 0; place < size; ++place) {
        values.push_back(wire::float_at(found.bytes.substr(place * sizeof(float))));
    }
    return values;
}

std::vector<std::string> texts(const Tensors& tensors, std::string_view name,
                               const std::vector<std::size_t>& shape) {
    const Tensor& found = tensor_of(tensors, name, "BYTES", shape);
    const std::size_t size = count(shape);
    std::string_view rest = found.bytes;
    std::vector<std::string> values;
    for (std::size_t place = 0; place < size; ++place) {
        require(rest.size() >= length_bytes, std::string(name) + " has fewer texts than its shape");
        const std::size_t length = wire::number_at(rest);
        rest.remove_prefix(length_bytes);
        require(length <= rest.size(), "a text of " + std::string(name) + " is longer than its bytes");
        values.emplace_back(rest.substr(0, length));
        rest.remove_prefix(length);
    }
    require(rest.empty(), std::string(name) + " has more bytes than its shape needs");
    return values;
}

const std::vector<std::size_t>& shape_of(const Tensors& tensors, std::string_view name, std::size_t axes) {
    const Tensor& found = tensor(tensors, name);
    require(found.shape.size() == axes, std::string(name) + " has not " + std::to_string(axes) + " axes");
    return found.shape;
}

}  // namespace ecgdigit
