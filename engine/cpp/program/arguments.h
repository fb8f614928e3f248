#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "ecgdigit/client.h"

namespace program {

struct Arguments {
    ecgdigit::Server server;
    ecgdigit::Told told;
    std::filesystem::path out = "-";
    std::vector<std::filesystem::path> pages;
    bool is_help = false;
};

// What is wrong with a command line, for who typed it.
struct Misused {
    std::string reason;
};

extern const char* const usage;

std::variant<Arguments, Misused> arguments_from_command(int count, char** words);

}  // namespace program
