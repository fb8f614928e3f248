// What a page image becomes: values, and no behaviour.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ecgdigit {

// One lead as it was printed. Sample k of mv stands at (first + k) / rate_hz seconds of the record.
struct Lead {
    std::string name;  // I, II, III, aVR, aVL, aVF, V1 … V6
    std::size_t first = 0;
    std::vector<float> mv;  // millivolt, finite, never empty
    float start_s = 0;
    float end_s = 0;
    float confidence = 0;         // 0 to 1
    float expected_error_mv = 0;  // NaN where nothing is known of it
};

// A page that was read.
struct Page {
    float rate_hz = 0;
    std::vector<Lead> leads;           // in the standard order
    std::vector<std::string> missing;  // leads that the layout has and that were not found
    float expected_db = 0;             // expected signal-to-noise ratio; NaN where unknown
    std::string report;                // JSON, the object that `ecgdigit-rt run --format json` writes
};

// Where the fault lies, and so what would help.
enum class Fault {
    caller,  // what was asked for makes no sense: an address, a layout, a paper speed
    page,    // this image could not be read; another one may be
    server,  // no answer, or none that can be used
};

// Why there is no page. The id is stable: docs/errors.md and docs/howto/cpp.md have a heading for each.
struct Error {
    std::string id;
    Fault fault = Fault::server;
    std::string message;
    std::string hint;  // what to do; empty where the server's message says it already
};

}  // namespace ecgdigit
