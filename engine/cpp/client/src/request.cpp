#include "request.h"

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "wire.h"

namespace ecgdigit {
namespace {

using nlohmann::json;

constexpr std::array outputs = {"lead_names", "signals_mv",        "windows_s",   "rate_hz",
                                "confidence", "expected_error_mv", "expected_db", "report"};

json input(const char* name, const char* datatype, std::size_t size) {
    return {{"name", name},
            {"shape", {1, 1}},
            {"datatype", datatype},
            {"parameters", {{"binary_data_size", size}}}};
}

std::string text_tensor(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size() + sizeof(std::uint32_t));
    wire::append(bytes, static_cast<std::uint32_t>(text.size()));
    bytes += text;
    return bytes;
}

}  // namespace

Request request_from_page(std::string_view image, const Told& told, std::string_view id) {
    std::string tensors = text_tensor(image);
    json inputs = json::array({input("image", "BYTES", tensors.size())});
    if (!told.layout.empty()) {
        const std::string layout = text_tensor(told.layout);
        inputs.push_back(input("layout", "BYTES", layout.size()));
        tensors += layout;
    }
    for (const auto& [name, value] :
         {std::pair("speed_mm_s", told.speed_mm_s), std::pair("gain_mm_mv", told.gain_mm_mv)}) {
        if (value) {
            inputs.push_back(input(name, "FP32", sizeof(float)));
            wire::append(tensors, *value);
        }
    }
    json header = {{"inputs", std::move(inputs)}, {"outputs", json::array()}};
    if (!id.empty()) header["id"] = std::string(id);
    for (const char* name : outputs) {
        header["outputs"].push_back({{"name", name}, {"parameters", {{"binary_data", true}}}});
    }
    // A file's name need not be UTF-8; JSON must be.
    const std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
    return {text + tensors, text.size()};
}

}  // namespace ecgdigit
