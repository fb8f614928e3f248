#include "ecgdigit/csv.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace ecgdigit {
namespace {

// Uses std::to_chars, because printf would use the decimal separator of the locale.
void append_fixed(std::string& text, double value, int decimals) {
    std::array<char, 400> digits{};  // the largest double has 309 digits before the point
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value,
                                   std::chars_format::fixed, decimals);
    text.append(digits.data(), end.ptr);
}

// Rounds as NumPy does. Adding 0.0 turns −0.0 into 0.0.
double round_mv(float value) {
    constexpr double steps_per_mv = 1e5;
    return std::nearbyint(static_cast<double>(value) * steps_per_mv) / steps_per_mv + 0.0;
}

}  // namespace

std::string csv_from_page(const Page& page) {
    std::string text = "time_s";
    std::size_t lines = 0;
    for (const Lead& lead : page.leads) {
        text += ',' + lead.name;
        lines = std::max(lines, lead.first + lead.mv.size());
    }
    text += '\n';
    for (std::size_t line = 0; line < lines; ++line) {
        append_fixed(text, static_cast<double>(line) / static_cast<double>(page.rate_hz), 3);
        for (const Lead& lead : page.leads) {
            text += ',';
            if (line >= lead.first && line - lead.first < lead.mv.size()) {
                append_fixed(text, round_mv(lead.mv[line - lead.first]), 5);
            }
        }
        text += '\n';
    }
    return text;
}

}  // namespace ecgdigit
