#include "request.h"

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "wire.h"

namespace ecgdigit {
namespace {

using nlohmann::json;

constexpr std::array output_names = {"lead_names", "signals_mv",        "windows_s",   "rate_hz",
                                     "confidence", "expected_error_mv", "expected_db", "report"};

json input_entry(const char* name, const char* datatype, std::size_t size) {
    return {{"name", name},
            {"shape", {1, 1}},
            {"datatype", datatype},
            {"parameters", {{"binary_data_size", size}}}};
}

std::string string_tensor(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size() + sizeof(std::uint32_t));
    wire::append(bytes, static_cast<std::uint32_t>(text.size()));
    bytes += text;
    return bytes;
}

}  // namespace

Request request_from_page(std::string_view image, const PageOptions& options, std::string_view id) {
    std::string tensors = string_tensor(image);
    json inputs = json::array({input_entry("image", "BYTES", tensors.size())});
    if (!options.layout.empty()) {
        const std::string layout = string_tensor(options.layout);
        inputs.push_back(input_entry("layout", "BYTES", layout.size()));
        tensors += layout;
    }
    for (const auto& [name, value] :
         {std::pair("speed_mm_s", options.speed_mm_s), std::pair("gain_mm_mv", options.gain_mm_mv)}) {
        if (value) {
            inputs.push_back(input_entry(name, "FP32", sizeof(float)));
            wire::append(tensors, *value);
        }
    }
    json header = {{"inputs", std::move(inputs)}, {"outputs", json::array()}};
    if (!id.empty()) header["id"] = std::string(id);
    for (const char* name : output_names) {
        header["outputs"].push_back({{"name", name}, {"parameters", {{"binary_data", true}}}});
    }
    // JSON must be UTF-8, but file names may contain other bytes.
    const std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
    return {text + tensors, text.size()};
}

}  // namespace ecgdigit
