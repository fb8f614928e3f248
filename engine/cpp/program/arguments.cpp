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

constexpr double longest_s = 86'400;

std::optional<double> number(const char* text) {
    double value = 0;
    const char* const last = text + std::strlen(text);
    const auto [end, problem] = std::from_chars(text, last, value);
    if (problem != std::errc{} || end != last || !std::isfinite(value) || value <= 0) return std::nullopt;
    return value;
}

std::optional<float> short_number(const char* text) {
    const auto value = number(text);
    if (!value || *value > 1e6) return std::nullopt;  // a float that is larger would be infinite
    return static_cast<float>(*value);
}

// Whether an option's value was understood.
bool take(Arguments& into, int option, const char* value) {
    switch (option) {
        case 'u':
            into.server.url = value;
            return !into.server.url.empty();
        case 'l':
            into.told.layout = value;
            return true;
        case 's':
            into.told.speed_mm_s = short_number(value);
            return into.told.speed_mm_s.has_value();
        case 'g':
            into.told.gain_mm_mv = short_number(value);
            return into.told.gain_mm_mv.has_value();
        case 'o':
            into.out = value;
            return !into.out.empty();
        default: {
            const auto seconds = number(value);
            if (!seconds || *seconds < 0.001 || *seconds > longest_s) return false;
            into.server.timeout = std::chrono::milliseconds(static_cast<long>(*seconds * 1000));
            return true;
        }
    }
}

// What does not go together.
std::optional<Misused> contradiction(const Arguments& given) {
    if (given.pages.empty()) return Misused{"no PAGE is given"};
    if (given.out == "-") {
        if (given.pages.size() == 1) return std::nullopt;
        return Misused{"several pages need a folder: --out DIR"};
    }
    std::set<std::filesystem::path> names;
    for (const auto& page : given.pages) {
        if (!names.insert(page.stem()).second) {
            return Misused{"two pages would be written to " + page.stem().string() + ".csv"};
        }
    }
    return std::nullopt;
}

}  // namespace

const char* const usage =
    "usage: ecgdigit-client [options] PAGE...\n"
    "\n"
    "Sends page images to a Triton server that serves the model ecgdigit, and writes the leads as CSV.\n"
    "\n"
    "  --url URL       the server (http://localhost:8000)\n"
    "  --out DIR       a folder for one CSV per page, or - for standard output (-)\n"
    "  --layout NAME   the page's layout, such as 3x4+1 (as the page says)\n"
    "  --speed MM_S    paper speed (as printed)\n"
    "  --gain MM_MV    gain (as printed)\n"
    "  --timeout S     seconds that a page may take (120)\n"
    "  --help          this text\n"
    "\n"
    "Exit codes: 0 all good, 1 bad arguments, 2 some pages failed or leads are missing,\n"
    "3 the server is missing or cannot be used, 4 output not writable.\n";

std::variant<Arguments, Misused> arguments_from_command(int count, char** words) {
    static const std::array<option, 8> options = {{{"url", required_argument, nullptr, 'u'},
                                                   {"layout", required_argument, nullptr, 'l'},
                                                   {"speed", required_argument, nullptr, 's'},
                                                   {"gain", required_argument, nullptr, 'g'},
                                                   {"timeout", required_argument, nullptr, 't'},
                                                   {"out", required_argument, nullptr, 'o'},
                                                   {"help", no_argument, nullptr, 'h'},
                                                   {nullptr, 0, nullptr, 0}}};
    Arguments arguments;
    opterr = 0;  // the messages are ours
    int place = 0;
    for (;;) {
        const int at = optind;
        const int found = getopt_long(count, words, ":", options.data(), &place);
        if (found == -1) break;
        if (found == 'h') {
            arguments.is_help = true;
            return arguments;
        }
        if (found == ':') return Misused{std::string(words[optind - 1]) + " needs a value"};
        if (found == '?') return Misused{"no option " + std::string(words[at])};
        if (!take(arguments, found, optarg)) {
            const std::string name = options.at(static_cast<std::size_t>(place)).name;
            return Misused{"--" + name + " cannot be " + optarg};
        }
    }
    arguments.pages.assign(words + optind, words + count);
    if (auto wrong = contradiction(arguments)) return *wrong;
    return arguments;
}

}  // namespace program
