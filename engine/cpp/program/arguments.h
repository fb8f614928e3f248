#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "ecgdigit/client.h"

namespace program {

struct Arguments {
    ecgdigit::Server server;
    ecgdigit::PageOptions options;
    std::filesystem::path out = "-";
    std::vector<std::filesystem::path> pages;
    bool is_help = false;
};

// Reason why the command line is invalid.
struct UsageError {
    std::string reason;
};

extern const char* const usage;

std::variant<Arguments, UsageError> arguments_from_command(int count, char** words);

}  // namespace program
