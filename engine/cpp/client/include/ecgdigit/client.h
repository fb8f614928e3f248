// A Triton server that serves the model `ecgdigit`: page images go in, leads come out.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "ecgdigit/page.h"

namespace ecgdigit {

// What is known of a page beside its image. What is not told is read off the page.
struct Told {
    std::string layout;  // a name such as 3x4+1, or rows spelled out; empty: as the page says
    std::optional<float> speed_mm_s;
    std::optional<float> gain_mm_mv;
};

struct Server {
    std::string url = "http://localhost:8000";
    std::string model = "ecgdigit";
    std::chrono::milliseconds timeout{120'000};  // of one page, from its sending to the last byte
};

using Answer = std::variant<Page, Error>;

// One connection, kept open between pages. Clients share nothing: give each thread its own.
//
// Whatever the server answers is a Page or an Error, never an exception; only memory that runs out throws
// std::bad_alloc.
class Client {
  public:
    explicit Client(Server server = {});
    ~Client();
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Sends one encoded image (PNG, JPEG, TIFF, PDF, …) and waits. id: the page's name in messages and
    // report.
    Answer digitize(std::string_view image, const Told& told = {}, std::string_view id = {});

  private:
    class Connection;
    std::unique_ptr<Connection> connection_;
};

}  // namespace ecgdigit
