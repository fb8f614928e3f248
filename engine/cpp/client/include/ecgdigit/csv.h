#pragma once

#include <string>

#include "ecgdigit/page.h"

namespace ecgdigit {

// The text that `ecgdigit-rt run --format csv` writes of a page: `time_s`, then a column per lead; a line per
// sample, millivolt at 5 decimals, empty where nothing was printed.
std::string csv_from_page(const Page& page);

}  // namespace ecgdigit
