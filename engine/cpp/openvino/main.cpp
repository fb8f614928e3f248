// ecgdigit-stage GRAPH BATCH HEIGHT WIDTH PIXELS DIR [THREADS]: runs one network on raw bytes.
//
// PIXELS is a file of BATCH × HEIGHT × WIDTH × 3 bytes. The values of each output are written to DIR/NAME.f32
// as float32 in the byte order of this machine. The name and shape of each output are printed.

#include <charconv>
#include <fstream>
#include <iostream>
#include <limits>
#include <optional>
#include <string_view>

#include "stage.h"

namespace {

namespace fs = std::filesystem;

constexpr std::size_t channels = 3;
constexpr std::size_t max_side = 20'000;  // hand-picked, not tuned

enum ExitCode { success = 0, invalid_arguments = 1, unusable = 3, not_writable = 4 };

std::optional<std::size_t> size_from_text(std::string_view text) {
    std::size_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size() || value == 0 || value > max_side) {
        return std::nullopt;
    }
    return value;
}

// Returns nothing if the file cannot be read or its size does not match the shape.
std::optional<std::vector<std::uint8_t>> pixels_from_file(const fs::path& path, const ov::Shape& shape) {
    std::error_code problem;
    const std::size_t size = ov::shape_size(shape);  // at most 20 000³ × 3, which does not overflow
    if (fs::file_size(path, problem) != size || problem) return std::nullopt;
    std::vector<std::uint8_t> pixels(size);
    std::ifstream file(path, std::ios::binary);
    if (!file.read(reinterpret_cast<char*>(pixels.data()), static_cast<std::streamsize>(size)))
        return std::nullopt;
    return pixels;
}

// Prints the name and shape of an output and writes its values. Returns whether the file could be written.
bool write_output(const stage::Output& output, const fs::path& folder) {
    const fs::path path = folder / (output.name + ".f32");
    std::ofstream file(path, std::ios::binary);
    file.write(static_cast<const char*>(output.values.data()),
               static_cast<std::streamsize>(output.values.get_byte_size()));
    file.close();
    std::cout << output.name;
    for (const std::size_t side : output.values.get_shape()) std::cout << ' ' << side;
    std::cout << '\n';
    return static_cast<bool>(file);
}

int fail(ExitCode code, const std::string& message) {
    std::cerr << "error    " << message << '\n';
    return code;
}

}  // namespace

int main(int count, char** words) {
    if (count < 7 || count > 8) {
        return fail(invalid_arguments, "usage: ecgdigit-stage GRAPH BATCH HEIGHT WIDTH PIXELS DIR [THREADS]");
    }
    const auto batch = size_from_text(words[2]);
    const auto height = size_from_text(words[3]);
    const auto width = size_from_text(words[4]);
    const auto threads = count == 8 ? size_from_text(words[7]) : std::optional<std::size_t>(0);
    if (!batch || !height || !width || !threads)
        return fail(invalid_arguments,
                    "BATCH, HEIGHT, WIDTH and THREADS must be positive whole numbers up to 20000");
    try {
        stage::Images images{{*batch, *height, *width, channels}, {}};
        auto pixels = pixels_from_file(words[5], images.shape);
        if (!pixels)
            return fail(invalid_arguments,
                        std::string(words[5]) +
                            ": it cannot be read, or its size does not match BATCH, HEIGHT and WIDTH");
        images.pixels = std::move(*pixels);
        stage::Stage network(words[1], static_cast<int>(*threads));
        for (const auto& output : network.run(images)) {
            if (!write_output(output, words[6]))
                return fail(not_writable, std::string("Cannot write ") + words[6]);
        }
        return success;
    } catch (const std::invalid_argument& error) {
        return fail(invalid_arguments, error.what());
    } catch (const std::exception& error) {
        return fail(unusable, std::string(words[1]) + ": " + error.what());
    }
}
