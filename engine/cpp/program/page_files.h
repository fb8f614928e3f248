// Reading of page files and writing of CSV files. The error ids are those of ecgdigit-rt.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>

#include "ecgdigit/page.h"

namespace program {

// Returns an error if the path does not exist.
std::optional<ecgdigit::Error> check_exists(const std::filesystem::path& path);

// Returns the bytes of a page file, or an error if it cannot be read or is larger than 2 GB.
std::variant<std::string, ecgdigit::Error> read_page(const std::filesystem::path& path);

// Writes the text to standard output if the folder is `-`, otherwise atomically to FOLDER/NAME.csv. Returns
// an error if that fails.
std::optional<ecgdigit::Error> write_csv(const std::string& text, const std::filesystem::path& folder,
                                         const std::filesystem::path& page);

}  // namespace program
