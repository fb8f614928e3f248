#include "page_files.h"

#include <unistd.h>

#include <fstream>
#include <iostream>
#include <system_error>

namespace program {
namespace {

namespace fs = std::filesystem;
using ecgdigit::Error;
using ecgdigit::Fault;

constexpr std::uintmax_t max_file = 2'000'000'000;  // bytes, as in ecgdigit-rt

Error not_writable(const fs::path& path, const std::string& reason) {
    return {"E-OUTPUT-01", Fault::caller, "Cannot write " + path.string() + ": " + reason,
            "Check the permissions and the free space, or pass another --out."};
}

Error unreadable(const fs::path& path, const std::string& reason) {
    return {"E-INPUT-03", Fault::page, "Cannot read " + path.string() + ": " + reason,
            "Check that an image viewer can open it."};
}

}  // namespace

std::optional<Error> check_exists(const fs::path& path) {
    std::error_code problem;
    if (fs::exists(path, problem)) return std::nullopt;
    return Error{"E-INPUT-01", Fault::caller, "No such file: " + path.string(), "Check the spelling."};
}

std::variant<std::string, Error> read_page(const fs::path& path) {
    std::error_code problem;
    if (!fs::is_regular_file(path, problem)) return unreadable(path, "it is not a regular file");
    const auto size = fs::file_size(path, problem);
    if (problem) return unreadable(path, problem.message());
    if (size > max_file) {
        return Error{"E-INPUT-11", Fault::page,
                     "Cannot read " + path.string() + ": the file is larger than 2 GB",
                     "Split the file into files with fewer pages."};
    }
    std::ifstream file(path, std::ios::binary);
    std::string bytes(static_cast<std::size_t>(size), '\0');
    if (!file.read(bytes.data(), static_cast<std::streamsize>(size))) {
        return unreadable(path, "permission denied, or the file was truncated");
    }
    return bytes;
}

std::optional<Error> write_csv(const std::string& text, const fs::path& folder, const fs::path& page) {
    if (folder == "-") {
        if (std::cout << text << std::flush) return std::nullopt;
        return not_writable("standard output", "the reader closed the pipe, or the disk is full");
    }
    std::error_code problem;
    fs::create_directories(folder, problem);
    if (problem) return not_writable(folder, problem.message());
    const fs::path target = folder / (page.stem().string() + ".csv");
    const fs::path part =
        folder / ("." + target.filename().string() + "." + std::to_string(getpid()) + ".part");
    std::ofstream file(part, std::ios::binary);
    file << text;
    file.close();
    if (file) fs::rename(part, target, problem);
    if (file && !problem) return std::nullopt;
    std::error_code ignored;
    fs::remove(part, ignored);
    return not_writable(target, problem ? problem.message() : "permission denied, or the disk is full");
}

}  // namespace program
