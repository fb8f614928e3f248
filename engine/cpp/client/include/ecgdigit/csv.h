#pragma once

#include <string>

#include "ecgdigit/page.h"

namespace ecgdigit {

// Returns the text that `ecgdigit-rt run --format csv` writes: `time_s`, then one column per lead. There is
// one line per sample, in millivolts with 5 decimals, empty outside of a lead's window.
std::string csv_from_page(const Page& page);

}  // namespace ecgdigit
