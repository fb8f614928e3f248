#include "ecgdigit/client.h"

#include "answer.h"
#include "connection.h"
#include "request.h"

namespace ecgdigit {
namespace {

constexpr std::size_t largest_image = 2'000'000'000;  // as ecgdigit-rt itself

}  // namespace

Client::Client(Server server) : connection_(std::make_unique<Connection>(std::move(server))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Answer Client::digitize(std::string_view image, const Told& told, std::string_view id) {
    if (image.size() > largest_image) {
        return Error{"E-INPUT-11", Fault::page, "the file has more than 2 GB", "Split it into its pages."};
    }
    const auto response = connection_->post(request_from_page(image, told, id));
    if (const auto* error = std::get_if<Error>(&response)) return *error;
    return answer_from_response(std::get<Response>(response));
}

}  // namespace ecgdigit
