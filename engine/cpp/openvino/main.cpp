// ecgdigit-stage GRAPH BATCH HEIGHT WIDTH PIXELS DIR [THREADS]: runs one network on raw bytes.
//
// PIXELS holds BATCH × HEIGHT × WIDTH × 3 bytes. DIR/NAME.f32 gets each output's values, float32 as this
// machine orders them, and standard output its name and shape.

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
constexpr std::size_t largest_side = 20'000;

enum ExitCode { good = 0, bad_arguments = 1, unusable = 3, not_writable = 4 };

std::optional<std::size_t> side(std::string_view text) {
    std::size_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size() || value == 0 || value > largest_side) {
        return std::nullopt;
    }
    return value;
}

// Nothing where the file has not exactly the bytes of the shape.
std::optional<std::vector<std::uint8_t>> pixels_from_file(const fs::path& path, const ov::Shape& shape) {
    std::error_code problem;
    const std::size_t size = ov::shape_size(shape);  // at most 20 000³ × 3: it fits
    if (fs::file_size(path, problem) != size || problem) return std::nullopt;
    std::vector<std::uint8_t> pixels(size);
    std::ifstream file(path, std::ios::binary);
    if (!file.read(reinterpret_cast<char*>(pixels.data()), static_cast<std::streamsize>(size)))
        return std::nullopt;
    return pixels;
}

bool is_written(const stage::Output& output, const fs::path& folder) {
    const fs::path path = folder / (output.name + ".f32");
    std::ofstream file(path, std::ios::binary);
    file.write(static_cast<const char*>(output.values.data()),
               static_cast<std::streamsize>(output.values.get_byte_size()));
    file.close();
    std::cout << output.name;
    for (const std::size_t one : output.values.get_shape()) std::cout << ' ' << one;
    std::cout << '\n';
    return static_cast<bool>(file);
}

int told(ExitCode code, const std::string& message) {
    std::cerr << "error    " << message << '\n';
    return code;
}

}  // namespace

int main(int count, char** words) {
    if (count < 7 || count > 8) {
        return told(bad_arguments, "usage: ecgdigit-stage GRAPH BATCH HEIGHT WIDTH PIXELS DIR [THREADS]");
    }
    const auto batch = side(words[2]);
    const auto height = side(words[3]);
    const auto width = side(words[4]);
    const auto threads = count == 8 ? side(words[7]) : std::optional<std::size_t>(0);
    if (!batch || !height || !width || !threads)
        return told(bad_arguments, "a size is no whole number above 0");
    try {
        stage::Pictures pictures{{*batch, *height, *width, channels}, {}};
        auto pixels = pixels_from_file(words[5], pictures.shape);
        if (!pixels)
            return told(bad_arguments, std::string(words[5]) + " has not as many bytes as the sizes say");
        pictures.pixels = std::move(*pixels);
        stage::Stage network(words[1], static_cast<int>(*threads));
        for (const auto& output : network.run(pictures)) {
            if (!is_written(output, words[6]))
                return told(not_writable, std::string("cannot write ") + words[6]);
        }
        return good;
    } catch (const std::invalid_argument& problem) {
        return told(bad_arguments, problem.what());
    } catch (const std::exception& problem) {
        return told(unusable, std::string(words[1]) + ": " + problem.what());
    }
}
