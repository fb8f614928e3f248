#pragma once

#include <string>
#include <string_view>

namespace program {

// The text on one line and without power over a terminal: control characters, line ends and marks that turn
// the direction of what follows are spelled out. Names of files and a server's words are anyone's.
std::string on_terminal(std::string_view text);

}  // namespace program
