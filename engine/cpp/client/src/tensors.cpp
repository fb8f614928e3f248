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

constexpr std::size_t length_bytes = 4;  // length prefix of each string

std::size_t size_from_json(const json& value) {
    require(value.is_number_unsigned(), "a size is not a whole number: " + value.dump());
    return value.get<std::size_t>();
}

std::string string_from_json(const json& object, const char* key) {
    require(object.is_object() && object.contains(key) && object[key].is_string(),
            std::string("an output has no ") + key);
    return object[key].get<std::string>();
}

std::size_t binary_size(const json& output, const std::string& name) {
    const bool is_binary = output.contains("parameters") && output["parameters"].is_object() &&
                           output["parameters"].contains("binary_data_size");
    require(is_binary, name + " is not sent as binary data");
    return size_from_json(output["parameters"]["binary_data_size"]);
}

json parse_header(std::string_view text) {
    json header = json::parse(text.begin(), text.end(), nullptr, false);
    require(!header.is_discarded(), "the header is not JSON");
    require(header.is_object() && header.contains("outputs") && header["outputs"].is_array(),
            "the header lists no outputs");
    return header;
}

std::size_t number_from_text(std::string_view text) {
    std::size_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    require(problem == std::errc{} && end == text.data() + text.size(),
            "the header length is not a number: " + std::string(text.substr(0, 40)));
    return value;
}

// Returns the number of values of a shape. Throws MalformedResponse if it overflows.
std::size_t value_count(const std::vector<std::size_t>& shape) {
    std::size_t product = 1;
    for (const std::size_t side : shape) {
        const bool fits = side == 0 || product <= std::numeric_limits<std::size_t>::max() / side;
        require(fits, "a shape is too large");
        product *= side;
    }
    return product;
}

const Tensor& find_tensor(const Tensors& tensors, std::string_view name) {
    const auto entry = tensors.find(name);
    require(entry != tensors.end(), "output " + std::string(name) + " is missing");
    return entry->second;
}

const Tensor& checked_tensor(const Tensors& tensors, std::string_view name, std::string_view datatype,
                             const std::vector<std::size_t>& shape) {
    const Tensor& tensor = find_tensor(tensors, name);
    require(tensor.datatype == datatype, std::string(name) + " has type " + tensor.datatype);
    require(tensor.shape == shape, "the shape of " + std::string(name) + " does not match the other outputs");
    return tensor;
}

}  // namespace

void require(bool condition, const std::string& reason) {
    if (!condition) throw MalformedResponse(reason);
}

Tensors tensors_from_body(std::string_view body, std::string_view header_length) {
    const std::size_t length = number_from_text(header_length);
    require(length <= body.size(), "the header is longer than the body");
    const json header = parse_header(body.substr(0, length));
    std::string_view rest = body.substr(length);
    Tensors tensors;
    for (const json& output : header["outputs"]) {
        const std::string name = string_from_json(output, "name");
        Tensor tensor{string_from_json(output, "datatype"), {}, {}};
        require(output.contains("shape") && output["shape"].is_array(), name + " has no shape");
        for (const json& side : output["shape"]) tensor.shape.push_back(size_from_json(side));
        const std::size_t size = binary_size(output, name);
        require(size <= rest.size(), "the body ends inside " + name);
        tensor.bytes = rest.substr(0, size);
        rest.remove_prefix(size);
        require(tensors.emplace(name, std::move(tensor)).second, name + " occurs twice");
    }
    require(rest.empty(), "the body is longer than the header declares");
    return tensors;
}

std::vector<float> floats(const Tensors& tensors, std::string_view name,
                          const std::vector<std::size_t>& shape) {
    const Tensor& tensor = checked_tensor(tensors, name, "FP32", shape);
    const std::size_t size = value_count(shape);
    // Divided rather than multiplied, since size * 4 may overflow.
    require(tensor.bytes.size() % sizeof(float) == 0 && tensor.bytes.size() / sizeof(float) == size,
            "the size of " + std::string(name) + " does not match its shape");
    std::vector<float> values;
    values.reserve(size);
    for (std::size_t k = 0; k < size; ++k) {
        values.push_back(wire::float_at(tensor.bytes.substr(k * sizeof(float))));
    }
    return values;
}

std::vector<std::string> strings(const Tensors& tensors, std::string_view name,
                                 const std::vector<std::size_t>& shape) {
    const Tensor& tensor = checked_tensor(tensors, name, "BYTES", shape);
    const std::size_t size = value_count(shape);
    std::string_view rest = tensor.bytes;
    std::vector<std::string> values;
    for (std::size_t k = 0; k < size; ++k) {
        require(rest.size() >= length_bytes, std::string(name) + " has fewer strings than its shape");
        const std::size_t length = wire::uint32_at(rest);
        rest.remove_prefix(length_bytes);
        require(length <= rest.size(),
                "a string of " + std::string(name) + " exceeds the size of the output");
        values.emplace_back(rest.substr(0, length));
        rest.remove_prefix(length);
    }
    require(rest.empty(), std::string(name) + " has more bytes than its strings");
    return values;
}

const std::vector<std::size_t>& shape_of(const Tensors& tensors, std::string_view name,
                                         std::size_t axis_count) {
    const Tensor& tensor = find_tensor(tensors, name);
    require(tensor.shape.size() == axis_count,
            std::string(name) + " does not have " + std::to_string(axis_count) + " axes");
    return tensor.shape;
}

}  // namespace ecgdigit
