#include "terminal.h"

#include <array>

namespace program {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array direction_marks = {"\u061c"sv, "\u200e"sv, "\u200f"sv, "\u2028"sv, "\u2029"sv,
                                        "\u202a"sv, "\u202b"sv, "\u202c"sv, "\u202d"sv, "\u202e"sv,
                                        "\u2066"sv, "\u2067"sv, "\u2068"sv, "\u2069"sv};

bool is_control(unsigned char letter) { return letter < 0x20 || letter == 0x7f; }

// Returns the number of bytes to escape at the start of the text.
std::size_t bytes_to_escape(std::string_view text) {
    const auto first = static_cast<unsigned char>(text[0]);
    if (is_control(first)) return 1;
    // Control characters U+0080 to U+009F
    if (first == 0xc2 && text.size() > 1 && static_cast<unsigned char>(text[1]) < 0xa0) return 2;
    for (const std::string_view mark : direction_marks) {
        if (text.substr(0, mark.size()) == mark) return mark.size();
    }
    return 0;
}

}  // namespace

std::string escape_control_chars(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string line;
    while (!text.empty()) {
        const std::size_t count = bytes_to_escape(text);
        for (const char letter : text.substr(0, count)) {
            const auto byte = static_cast<unsigned char>(letter);
            line += "\\x";
            line += digits[byte >> 4U];
            line += digits[byte & 0xfU];
        }
        if (count == 0) line += text[0];
        text.remove_prefix(count == 0 ? 1 : count);
    }
    return line;
}

}  // namespace program
