#pragma once

#include <string>

#include "ecgdigit/page.h"

namespace ecgdigit {

// Returns the table that `ecgdigit-rt run --format csv` writes: the column `time_s`, then one column per lead
// in millivolts with 5 decimals. Each sample has a line. Cells outside a lead's window are empty.
std::string csv_from_page(const Page& page);

}  // namespace ecgdigit
