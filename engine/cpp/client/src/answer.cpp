#include "answer.h"

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

constexpr std::array leads = {"I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"};
constexpr long ok = 200;
constexpr long bad_request = 400;
constexpr std::size_t longest_message = 2000;

// The run of finite samples in a lead's row, which is NaN before and behind it. Throws Malformed.
void take_window(Lead& lead, const float* begin, const float* end) {
    const auto is_printed = [](float value) { return !std::isnan(value); };
    const float* const first = std::find_if(begin, end, is_printed);
    require(first != end, lead.name + " has no samples");
    const float* last = end;
    while (!is_printed(last[-1])) --last;
    require(std::all_of(first, last, [](float value) { return std::isfinite(value); }),
            lead.name + " has samples that are no numbers");
    lead.first = static_cast<std::size_t>(first - begin);
    lead.mv.assign(first, last);
}

// A lead's first sample is the one nearest to its start. One more or less: the start travels as float32.
bool begins_at_its_start(const Lead& lead, float rate_hz) {
    const double start = std::max(0.0, static_cast<double>(lead.start_s) * static_cast<double>(rate_hz));
    if (!std::isfinite(lead.start_s) || !std::isfinite(lead.end_s)) return false;
    return lead.start_s <= lead.end_s && std::abs(start - static_cast<double>(lead.first)) <= 1.5;
}

std::vector<std::string> missing_leads(const std::string& report) {
    const json facts = json::parse(report, nullptr, false);
    require(facts.is_object() && facts.contains("missing") && facts["missing"].is_array(),
            "its report does not say which leads are missing");
    std::vector<std::string> missing;
    for (const json& name : facts["missing"]) {
        require(name.is_string(), "its report names a lead that is no text");
        missing.push_back(name.get<std::string>());
    }
    return missing;
}

Page page_from_tensors(const Tensors& tensors) {
    const auto& shape = shape_of(tensors, "signals_mv", 3);
    const std::size_t places = shape[1];
    const std::size_t samples = shape[2];
    const auto signals = floats(tensors, "signals_mv", {1, places, samples});
    require(places > 0 && samples > 0, "signals_mv is empty");
    const auto names = texts(tensors, "lead_names", {1, places});
    const auto windows = floats(tensors, "windows_s", {1, places, 2});
    const auto confidence = floats(tensors, "confidence", {1, places});
    const auto errors = floats(tensors, "expected_error_mv", {1, places});
    Page page;
    page.rate_hz = floats(tensors, "rate_hz", {1, 1})[0];
    require(std::isfinite(page.rate_hz) && page.rate_hz > 0, "its rate is no rate");
    page.expected_db = floats(tensors, "expected_db", {1, 1})[0];
    page.report = texts(tensors, "report", {1, 1})[0];
    page.missing = missing_leads(page.report);
    std::set<std::string> seen;
    for (std::size_t place = 0; place < places; ++place) {
        if (names[place].empty()) continue;  // a page without leads has one empty place
        require(std::find(leads.begin(), leads.end(), names[place]) != leads.end(),
                "it has a lead of an unknown name");
        require(seen.insert(names[place]).second, names[place] + " is there twice");
        Lead lead{names[place], 0, {}, windows[2 * place], windows[2 * place + 1], confidence[place],
                  errors[place]};
        take_window(lead, signals.data() + place * samples, signals.data() + (place + 1) * samples);
        require(begins_at_its_start(lead, page.rate_hz), lead.name + " does not begin where its window does");
        page.leads.push_back(std::move(lead));
    }
    return page;
}

// What the server says of a request that it does not answer; where it says nothing, the status.
std::string words(const Response& response) {
    const json body = json::parse(response.body, nullptr, false);
    if (body.is_object() && body.contains("error") && body["error"].is_string()) {
        return body["error"].get<std::string>().substr(0, longest_message);
    }
    return "HTTP status " + std::to_string(response.status);
}

Fault fault(const std::string& id, long status) {
    if (status != bad_request) return Fault::server;
    return id == "E-INPUT-10" || id == "E-TRITON-02" ? Fault::caller : Fault::page;
}

// The model's own errors begin with their id; all others are Triton's, or of something on the way to it.
Error error_from_refusal(const Response& response) {
    const std::string said = words(response);
    static const std::regex named("(E-[A-Z]{1,20}-[0-9]{2}) ");
    std::smatch found;
    if (std::regex_search(said, found, named, std::regex_constants::match_continuous)) {
        const std::string id = found[1];
        return {id, fault(id, response.status), found.suffix(), ""};
    }
    return {"E-CLIENT-04", Fault::server, "the server refuses: " + said,
            "Its log says more. GET /v2/models/ecgdigit/ready tells whether the model is loaded."};
}

}  // namespace

Answer answer_from_response(const Response& response) {
    if (response.status != ok) return error_from_refusal(response);
    try {
        require(!response.header_length.empty(), "it says no Inference-Header-Content-Length");
        return page_from_tensors(tensors_from_body(response.body, response.header_length));
    } catch (const Malformed& problem) {
        return malformed(problem.what());
    }
}

Error malformed(const std::string& reason) {
    return {"E-CLIENT-03", Fault::server, "the answer cannot be used: " + reason,
            "See that the address is that of a Triton server whose model ecgdigit is as new as this client."};
}

}  // namespace ecgdigit
