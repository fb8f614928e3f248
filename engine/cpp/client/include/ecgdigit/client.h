// Client of a Triton server with the model `ecgdigit`. It sends page images and receives leads.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "ecgdigit/page.h"

namespace ecgdigit {

// Overrides of the values that are detected on a page.
struct PageOptions {
    std::string layout;  // a name such as 3x4+1, or rows such as I,II/III,aVR; detected if empty
    std::optional<float> speed_mm_s;
    std::optional<float> gain_mm_mv;
};

struct Server {
    std::string url = "http://localhost:8000";
    std::string model = "ecgdigit";
    std::chrono::milliseconds timeout{120'000};  // per page, including the time to connect
};

using Result = std::variant<Page, Error>;

// Client with one connection, which is reused for all pages. Not thread-safe: create one client per thread.
//
// Every response of a server becomes a Page or an Error. The only exception thrown is std::bad_alloc.
class Client {
  public:
    explicit Client(Server server = {});
    ~Client();
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Sends one encoded image (PNG, JPEG, TIFF, PDF, …) and waits for the result. `id` identifies the page
    // in messages and in the report.
    Result digitize(std::string_view image, const PageOptions& options = {}, std::string_view id = {});

  private:
    class Connection;
    std::unique_ptr<Connection> connection_;
};

}  // namespace ecgdigit
