// One libcurl handle: it posts, and keeps its connection open.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <variant>

#include "ecgdigit/client.h"
#include "request.h"
#include "response.h"

namespace ecgdigit {

class Client::Connection {
  public:
    explicit Connection(Server server);

    std::variant<Response, Error> post(const Request& request);

  private:
    struct Closing {
        void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    };

    Error error_from_code(CURLcode code, const char* said) const;

    Server server_;
    std::unique_ptr<CURL, Closing> curl_;
};

}  // namespace ecgdigit
