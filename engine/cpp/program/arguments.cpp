#include "arguments.h"

#include <getopt.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>

namespace program {
namespace {

constexpr double max_timeout_s = 86'400;  // one day, hand-picked

// Returns the number, or nothing if it is not positive and finite.
std::optional<double> number_from_text(const char* text) {
    double value = 0;
    const char* const last = text + std::strlen(text);
    const auto [end, problem] = std::from_chars(text, last, value);
    if (problem != std::errc{} || end != last || !std::isfinite(value) || value <= 0) return std::nullopt;
    return value;
}

std::optional<float> float_from_text(const char* text) {
    const auto value = number_from_text(text);
    if (!value || *value > 1e6) return std::nullopt;  // a larger value could overflow a float
    return static_cast<float>(*value);
}

// Stores the value of an option. Returns whether it is valid.
bool set_option(Arguments& arguments, int option, const char* value) {
    switch (option) {
        case 'u':
            arguments.server.url = value;
            return !arguments.server.url.empty();
        case 'l':
            arguments.options.layout = value;
            return true;
        case 's':
            arguments.options.speed_mm_s = float_from_text(value);
            return arguments.options.speed_mm_s.has_value();
        case 'g':
            arguments.options.gain_mm_mv = float_from_text(value);
            return arguments.options.gain_mm_mv.has_value();
        case 'o':
            arguments.out = value;
            return !arguments.out.empty();
        default: {
            const auto seconds = number_from_text(value);
            if (!seconds || *seconds < 0.001 || *seconds > max_timeout_s) return false;
            arguments.server.timeout = std::chrono::milliseconds(static_cast<long>(*seconds * 1000));
            return true;
        }
    }
}

// Returns an error if the pages cannot all be written to the specified output.
std::optional<UsageError> check_output(const Arguments& arguments) {
    if (arguments.pages.empty()) return UsageError{"No PAGE specified"};
    if (arguments.out == "-") {
        if (arguments.pages.size() == 1) return std::nullopt;
        return UsageError{"Several pages require a folder. Pass --out DIR"};
    }
    std::set<std::filesystem::path> names;
    for (const auto& page : arguments.pages) {
        if (!names.insert(page.stem()).second) {
            return UsageError{"Two pages would be written to " + page.stem().string() + ".csv"};
        }
    }
    return std::nullopt;
}

}  // namespace

const char* const usage =
    "usage: ecgdigit-client [options] PAGE...\n"
    "\n"
    "Send page images to a Triton server with the model ecgdigit, and write the leads as CSV.\n"
    "\n"
    "  --url URL       URL of the server (default: http://localhost:8000)\n"
    "  --out DIR       folder for one CSV per page, or - for standard output (default: -)\n"
    "  --layout NAME   layout of the pages, such as 3x4+1 (default: detected)\n"
    "  --speed MM_S    paper speed in mm/s (default: as printed)\n"
    "  --gain MM_MV    gain in mm/mV (default: as printed)\n"
    "  --timeout S     time limit per page in seconds (default: 120)\n"
    "  --help          show this text\n"
    "\n"
    "Exit codes: 0 success, 1 invalid arguments, 2 some pages failed or lack leads,\n"
    "3 server unreachable or unusable, 4 output not writable.\n";

std::variant<Arguments, UsageError> arguments_from_command(int count, char** words) {
    static const std::array<option, 8> options = {{{"url", required_argument, nullptr, 'u'},
                                                   {"layout", required_argument, nullptr, 'l'},
                                                   {"speed", required_argument, nullptr, 's'},
                                                   {"gain", required_argument, nullptr, 'g'},
                                                   {"timeout", required_argument, nullptr, 't'},
                                                   {"out", required_argument, nullptr, 'o'},
                                                   {"help", no_argument, nullptr, 'h'},
                                                   {nullptr, 0, nullptr, 0}}};
    Arguments arguments;
    opterr = 0;  // getopt_long must print nothing, since this file creates the messages
    int index = 0;
    for (;;) {
        const int position = optind;
        const int option_code = getopt_long(count, words, ":", options.data(), &index);
        if (option_code == -1) break;
        if (option_code == 'h') {
            arguments.is_help = true;
            return arguments;
        }
        if (option_code == ':') return UsageError{std::string(words[optind - 1]) + " requires a value"};
        if (option_code == '?') return UsageError{"Unknown option " + std::string(words[position])};
        if (!set_option(arguments, option_code, optarg)) {
            const std::string name = options.at(static_cast<std::size_t>(index)).name;
            return UsageError{"Invalid value for --" + name + ": " + optarg};
        }
    }
    arguments.pages.assign(words + optind, words + count);
    if (auto error = check_output(arguments)) return *error;
    return arguments;
}

}  // namespace program
