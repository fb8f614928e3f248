// Pages in, tables out. Errors carry the ids that ecgdigit-rt gives them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>

#include "ecgdigit/page.h"

namespace program {

// Why a page cannot be there; nothing where something is.
std::optional<ecgdigit::Error> absence(const std::filesystem::path& path);

std::variant<std::string, ecgdigit::Error> bytes_of_page(const std::filesystem::path& path);

// Writes DIR/NAME.csv in one piece, or standard output where the folder is `-`; nothing where that went well.
std::optional<ecgdigit::Error> write_table(const std::string& text, const std::filesystem::path& folder,
                                           const std::filesystem::path& page);

}  // namespace program
