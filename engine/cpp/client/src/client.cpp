#include "ecgdigit/client.h"

#include "connection.h"
#include "request.h"
#include "response.h"

namespace ecgdigit {
namespace {

constexpr std::size_t max_image = 2'000'000'000;  // bytes, as in ecgdigit-rt

}  // namespace

Client::Client(Server server) : connection_(std::make_unique<Connection>(std::move(server))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Result Client::digitize(std::string_view image, const PageOptions& options, std::string_view id) {
    if (image.size() > max_image) {
        return Error{"E-INPUT-11", Fault::page, "The file is larger than 2 GB",
                     "Split the file into files with fewer pages."};
    }
    const auto response = connection_->post(request_from_page(image, options, id));
    if (const auto* error = std::get_if<Error>(&response)) return *error;
    return result_from_response(std::get<Response>(response));
}

}  // namespace ecgdigit
