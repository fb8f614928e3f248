// Types of the results: structs without behavior.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ecgdigit {

// One lead. The time of mv[k] in the record is (first + k) / rate_hz seconds.
struct Lead {
    std::string name;  // I, II, III, aVR, aVL, aVF, V1 … V6
    std::size_t first = 0;
    std::vector<float> mv;  // millivolts, finite, never empty
    float start_s = 0;
    float end_s = 0;
    float confidence = 0;         // 0 to 1
    float expected_error_mv = 0;  // NaN if unknown
};

// A digitized page.
struct Page {
    float rate_hz = 0;
    std::vector<Lead> leads;           // in standard order
    std::vector<std::string> missing;  // leads of the layout that were not found
    float expected_db = 0;             // expected signal-to-noise ratio; NaN if unknown
    std::string report;                // JSON, the object that `ecgdigit-rt run --format json` writes
};

// Where the cause of an error must be corrected.
enum class Fault {
    caller,  // invalid arguments: a URL, a layout, a paper speed
    page,    // this image cannot be digitized, but others may be
    server,  // no response, or an unusable one
};

// Reason why a page was not digitized. The id is stable and documented in docs/errors.md or
// docs/howto/cpp.md.
struct Error {
    std::string id;
    Fault fault = Fault::server;
    std::string message;
    std::string hint;  // what to do; empty if the message of the server contains it
};

}  // namespace ecgdigit
