#include "response.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "tensors.h"

namespace ecgdigit {
namespace {

using nlohmann::json;

constexpr std::array lead_names = {"I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"};
constexpr long ok = 200;
constexpr long bad_request = 400;
constexpr float max_rate_hz = 100'000;      // hand-picked; 200 times the rate of the model
constexpr std::size_t max_message = 2000;  // bytes, hand-picked

// Copies the samples of a lead, without the NaN before and after its window. Throws MalformedResponse if
// there are none, or if one is not finite.
void set_samples(Lead& lead, const float* begin, const float* end) {
    const auto is_printed = [](float value) { return !std::isnan(value); };
    const float* const first = std::find_if(begin, end, is_printed);
    require(first != end, "lead " + lead.name + " has no samples");
    const float* last = end;
    while (!is_printed(last[-1])) --last;
    require(std::all_of(first, last, [](float value) { return std::isfinite(value); }),
            "lead " + lead.name + " has samples that are not finite");
    lead.first = static_cast<std::size_t>(first - begin);
    lead.mv.assign(first, last);
}

// Returns whether the window is valid and starts at the first sample. The tolerance is 1.5 samples, because
// the start of the window is transferred as float32.
bool starts_at_window(const Lead& lead, float rate_hz) {
    const double start = std::max(0.0, static_cast<double>(lead.start_s) * static_cast<double>(rate_hz));
    if (!std::isfinite(lead.start_s) || !std::isfinite(lead.end_s)) return false;
    return lead.start_s <= lead.end_s && std::abs(start - static_cast<double>(lead.first)) <= 1.5;
}

std::vector<std::string> missing_leads(const std::string& report) {
    const json object = json::parse(report, nullptr, false);
    require(object.is_object() && object.contains("missing") && object["missing"].is_array(),
            "the report does not list the missing leads");
    std::vector<std::string> missing;
    for (const json& name : object["missing"]) {
        require(name.is_string(), "the report lists a missing lead that is not a string");
        missing.push_back(name.get<std::string>());
    }
    return missing;
}

Page page_from_tensors(const Tensors& tensors) {
    const auto& shape = shape_of(tensors, "signals_mv", 3);
    const std::size_t lead_count = shape[1];
    const std::size_t sample_count = shape[2];
    const auto signals = floats(tensors, "signals_mv", {1, lead_count, sample_count});
    require(lead_count > 0 && sample_count > 0, "signals_mv is empty");
    const auto names = strings(tensors, "lead_names", {1, lead_count});
    const auto windows = floats(tensors, "windows_s", {1, lead_count, 2});
    const auto confidence = floats(tensors, "confidence", {1, lead_count});
    const auto errors = floats(tensors, "expected_error_mv", {1, lead_count});
    Page page;
    page.rate_hz = floats(tensors, "rate_hz", {1, 1})[0];
    require(std::isfinite(page.rate_hz) && page.rate_hz > 0, "the sampling rate is not a positive number");
    require(page.rate_hz <= max_rate_hz, "the sampling rate is too high");
    page.expected_db = floats(tensors, "expected_db", {1, 1})[0];
    page.report = strings(tensors, "report", {1, 1})[0];
    page.missing = missing_leads(page.report);
    std::set<std::string> unique;
    for (std::size_t k = 0; k < lead_count; ++k) {
        if (names[k].empty()) continue;  // a page without leads has one empty name
        require(std::find(lead_names.begin(), lead_names.end(), names[k]) != lead_names.end(),
                "a lead has an unknown name");
        require(unique.insert(names[k]).second, "lead " + names[k] + " occurs twice");
        Lead lead{names[k], 0, {}, windows[2 * k], windows[2 * k + 1], confidence[k], errors[k]};
        set_samples(lead, signals.data() + k * sample_count, signals.data() + (k + 1) * sample_count);
        require(starts_at_window(lead, page.rate_hz), "lead " + lead.name + " does not start at its window");
        page.leads.push_back(std::move(lead));
    }
    return page;
}

// Returns the server's message for a rejected request, or the HTTP status if there is none.
std::string rejection_message(const Response& response) {
    const json body = json::parse(response.body, nullptr, false);
    if (body.is_object() && body.contains("error") && body["error"].is_string()) {
        return body["error"].get<std::string>().substr(0, max_message);
    }
    return "HTTP status " + std::to_string(response.status);
}

Fault fault_from_id(const std::string& id, long status) {
    if (status != bad_request) return Fault::server;
    return id == "E-INPUT-10" || id == "E-TRITON-02" ? Fault::caller : Fault::page;
}

// Returns the error of a rejected request. Errors of the model begin with their id. Others are from Triton or
// a proxy.
Error error_from_rejection(const Response& response) {
    const std::string message = rejection_message(response);
    static const std::regex id_pattern("(E-[A-Z]{1,20}-[0-9]{2}) ");
    std::smatch match;
    if (std::regex_search(message, match, id_pattern, std::regex_constants::match_continuous)) {
        const std::string id = match[1];
        return {id, fault_from_id(id, response.status), match.suffix(), ""};
    }
    return {"E-CLIENT-04", Fault::server, "The server rejected the request: " + message,
            "See the log of the server. GET /v2/models/ecgdigit/ready reports whether the model is loaded."};
}

}  // namespace

Result result_from_response(const Response& response) {
    if (response.status != ok) return error_from_rejection(response);
    try {
        require(!response.header_length.empty(), "Inference-Header-Content-Length is missing");
        return page_from_tensors(tensors_from_body(response.body, response.header_length));
    } catch (const MalformedResponse& error) {
        return malformed_response(error.what());
    }
}

Error malformed_response(const std::string& reason) {
    return {
        "E-CLIENT-03", Fault::server, "The response cannot be used: " + reason,
        "Check that the URL belongs to a Triton server whose model ecgdigit is as recent as this client."};
}

}  // namespace ecgdigit
