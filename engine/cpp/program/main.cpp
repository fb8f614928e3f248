// ecgdigit-client: sends page images to a Triton server and writes the leads as CSV files.

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
using program::escape_control_chars;

enum ExitCode {
    success = 0,
    invalid_arguments = 1,
    some_failed = 2,
    server_unusable = 3,
    not_writable = 4,
    internal_error = 70
};

void print_error(const std::string& prefix, const Error& error) {
    std::cerr << escape_control_chars(prefix + error.message) << "   [" << escape_control_chars(error.id)
              << "]\n";
    if (!error.hint.empty()) std::cerr << "         " << escape_control_chars(error.hint) << '\n';
}

// Prints the error and returns its exit code. The run continues only after errors of a page, because other
// errors would occur again with every page.
ExitCode report_error(const Error& error, const fs::path& path) {
    switch (error.fault) {
        case Fault::page:
            print_error("failed   " + path.string() + "   ", error);
            return some_failed;
        case Fault::caller:
            print_error("error    ", error);
            return invalid_arguments;
        default:
            print_error("error    ", error);
            return server_unusable;
    }
}

ExitCode digitize(const fs::path& path, const Arguments& arguments, ecgdigit::Client& client) {
    const auto bytes = program::read_page(path);
    if (const auto* error = std::get_if<Error>(&bytes)) return report_error(*error, path);
    const auto result =
        client.digitize(std::get<std::string>(bytes), arguments.options, path.stem().string());
    if (const auto* error = std::get_if<Error>(&result)) return report_error(*error, path);
    const auto& page = std::get<ecgdigit::Page>(result);
    if (const auto error = program::write_csv(csv_from_page(page), arguments.out, path)) {
        print_error("error    ", *error);
        return not_writable;
    }
    if (page.missing.empty()) return success;
    std::string names;
    for (const auto& name : page.missing) names += (names.empty() ? "" : ", ") + name;
    print_error("partial  " + path.string() + "   ",
                {"E-LEADS-01", Fault::page, "Leads not found: " + names,
                 "Check that they are visible on the page."});
    return some_failed;
}

ExitCode digitize_all(const Arguments& arguments) {
    for (const auto& path : arguments.pages) {  // before the first page is sent
        if (const auto error = program::check_exists(path)) return report_error(*error, path);
    }
    ecgdigit::Client client(arguments.server);
    ExitCode code = success;
    for (const auto& path : arguments.pages) {
        const ExitCode page_code = digitize(path, arguments, client);
        if (page_code != success && page_code != some_failed) return page_code;
        if (page_code == some_failed) code = page_code;
    }
    return code;
}

}  // namespace

int main(int count, char** words) {
    try {
        const auto parsed = program::arguments_from_command(count, words);
        if (const auto* error = std::get_if<program::UsageError>(&parsed)) {
            std::cerr << "error    " << escape_control_chars(error->reason)
                      << "\n         ecgdigit-client --help\n";
            return invalid_arguments;
        }
        const auto& arguments = std::get<Arguments>(parsed);
        if (arguments.is_help) {
            std::cout << program::usage;
            return success;
        }
        return digitize_all(arguments);
    } catch (const std::exception& error) {  // out of memory
        std::cerr << "error    " << escape_control_chars(error.what()) << "   [E-BUG-01]\n";
        return internal_error;
    }
}
