#pragma once

#include <string>
#include <string_view>

namespace program {

// Returns the text on one line, with control characters, line breaks and bidirectional marks escaped. File
// names and server messages are untrusted input.
std::string escape_control_chars(std::string_view text);

}  // namespace program
