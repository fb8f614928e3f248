// ecgdigit-client: page images to a Triton server, leads to CSV files.

#include <iostream>
#include <string>

#include "arguments.h"
#include "ecgdigit/client.h"
#include "ecgdigit/csv.h"
#include "page_files.h"
#include "terminal.h"

namespace {

namespace fs = std::filesystem;
using ecgdigit::Error;
using ecgdigit::Fault;
using program::Arguments;
using program::on_terminal;

enum ExitCode {
    good = 0,
    bad_arguments = 1,
    some_failed = 2,
    server_missing = 3,
    not_writable = 4,
    bug = 70
};

void say(const std::string& what, const Error& error) {
    std::cerr << on_terminal(what + error.message) << "   [" << on_terminal(error.id) << "]\n";
    if (!error.hint.empty()) std::cerr << "         " << on_terminal(error.hint) << '\n';
}

// A page's own fault costs that page alone; with another one the pages that follow would fail, too.
ExitCode ending(const Error& error, const fs::path& path) {
    switch (error.fault) {
        case Fault::page:
            say("failed   " + path.string() + "   ", error);
            return some_failed;
        case Fault::caller:
            say("error    ", error);
            return bad_arguments;
        default:
            say("error    ", error);
            return server_missing;
    }
}

ExitCode digitize(const fs::path& path, const Arguments& given, ecgdigit::Client& client) {
    const auto bytes = program::bytes_of_page(path);
    if (const auto* error = std::get_if<Error>(&bytes)) return ending(*error, path);
    const auto answer = client.digitize(std::get<std::string>(bytes), given.told, path.stem().string());
    if (const auto* error = std::get_if<Error>(&answer)) return ending(*error, path);
    const auto& page = std::get<ecgdigit::Page>(answer);
    if (const auto error = program::write_table(csv_from_page(page), given.out, path)) {
        say("error    ", *error);
        return not_writable;
    }
    if (page.missing.empty()) return good;
    std::string names;
    for (const auto& name : page.missing) names += (names.empty() ? "" : ", ") + name;
    say("partial  " + path.string() + "   ",
        {"E-LEADS-01", Fault::page, "not found: " + names, "Look whether they can be seen on the page."});
    return some_failed;
}

ExitCode digitize_all(const Arguments& given) {
    for (const auto& path : given.pages) {  // before the first is sent
        if (const auto error = program::absence(path)) return ending(*error, path);
    }
    ecgdigit::Client client(given.server);
    ExitCode code = good;
    for (const auto& path : given.pages) {
        const ExitCode found = digitize(path, given, client);
        if (found != good && found != some_failed) return found;
        if (found == some_failed) code = found;
    }
    return code;
}

}  // namespace

int main(int count, char** words) {
    try {
        const auto arguments = program::arguments_from_command(count, words);
        if (const auto* misused = std::get_if<program::Misused>(&arguments)) {
            std::cerr << "error    " << on_terminal(misused->reason) << "\n         ecgdigit-client --help\n";
            return bad_arguments;
        }
        const auto& given = std::get<Arguments>(arguments);
        if (given.is_help) {
            std::cout << program::usage;
            return good;
        }
        return digitize_all(given);
    } catch (const std::exception& problem) {  // memory that runs out
        std::cerr << "error    " << on_terminal(problem.what()) << "   [E-BUG-01]\n";
        return bug;
    }
}
