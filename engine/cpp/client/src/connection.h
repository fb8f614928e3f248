// HTTP connection: a libcurl handle that posts requests and reuses its connection.
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
    struct CurlDeleter {
        void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    };

    // Returns whether a part of the last request was sent, so that an error concerns the response.
    bool was_request_sent() const;
    Error error_from_code(CURLcode code, const char* detail) const;

    Server server_;
    std::unique_ptr<CURL, CurlDeleter> curl_;
};

}  // namespace ecgdigit
