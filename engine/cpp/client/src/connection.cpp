#include "connection.h"

#include <algorithm>
#include <array>

namespace ecgdigit {
namespace {

constexpr std::size_t max_body = std::size_t{64} << 20U;  // hand-picked; 12 leads of 10 s need less than 1 MB
constexpr std::size_t max_length_digits = 40;             // hand-picked, more than any 64-bit number has
constexpr long connect_ms = 10'000;                       // hand-picked, not tuned
constexpr std::string_view length_header = "inference-header-content-length:";

struct SlistDeleter {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, SlistDeleter>;

// Initializes libcurl once per process. There is no cleanup, because other code may use libcurl too.
bool initialize_libcurl() {
    static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    return code == CURLE_OK;
}

// Callback of libcurl for the body. A return value other than `size` aborts the transfer. The callback must
// not throw, since libcurl is written in C.
std::size_t append_body(char* data, std::size_t /*always 1*/, std::size_t size, void* response) noexcept {
    auto& body = static_cast<Response*>(response)->body;
    if (size > max_body - body.size()) return 0;
    try {
        body.append(data, size);
    } catch (const std::exception&) {
        return 0;
    }
    return size;
}

char lower(char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

// Callback of libcurl for each header line. It stores the value of Inference-Header-Content-Length, the
// length of the JSON before the tensors.
std::size_t read_header(char* data, std::size_t /*always 1*/, std::size_t size, void* response) noexcept {
    std::string_view line(data, size);
    const bool is_length = line.size() > length_header.size() &&
                           std::equal(length_header.begin(), length_header.end(), line.begin(),
                                      [](char expected, char letter) { return expected == lower(letter); });
    if (!is_length) return size;
    line.remove_prefix(length_header.size());
    const auto begin = line.find_first_not_of(" \t");
    const auto end = line.find_last_not_of(" \t\r\n");
    if (begin == std::string_view::npos || end - begin >= max_length_digits) return size;
    try {
        static_cast<Response*>(response)->header_length.assign(line.substr(begin, end - begin + 1));
    } catch (const std::exception&) {
        return 0;
    }
    return size;
}

// Returns the request headers, or null if memory is exhausted.
Headers request_headers(std::size_t header_length) {
    const std::array lines = {
        "Inference-Header-Content-Length: " + std::to_string(header_length),
        std::string("Content-Type: application/octet-stream"),
        std::string("Expect:"),  // otherwise libcurl waits up to a second for status 100 before a large body
    };
    Headers list;
    for (const std::string& line : lines) {
        curl_slist* const longer = curl_slist_append(list.get(), line.c_str());
        if (longer == nullptr) return nullptr;
        static_cast<void>(list.release());
        list.reset(longer);
    }
    return list;
}

}  // namespace

Client::Connection::Connection(Server server)
    : server_(std::move(server)), curl_(initialize_libcurl() ? curl_easy_init() : nullptr) {
    while (!server_.url.empty() && server_.url.back() == '/') server_.url.pop_back();
}

std::variant<Response, Error> Client::Connection::post(const Request& request) {
    const Headers headers = request_headers(request.header_length);
    if (curl_ == nullptr || headers == nullptr) return error_from_code(CURLE_OUT_OF_MEMORY, "");
    const std::string url = server_.url + "/v2/models/" + server_.model + "/infer";
    const long timeout_ms = static_cast<long>(server_.timeout.count());
    std::array<char, CURL_ERROR_SIZE> detail{};
    Response response;
    CURL* const curl = curl_.get();
    curl_easy_reset(curl);  // resets the options; the connection stays open
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);  // timeouts by signal are not thread-safe
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, std::min(timeout_ms, connect_ms));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &response);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, read_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &response);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail.data());
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
    if (code != CURLE_OK) {
        return error_from_code(code, detail[0] != '\0' ? detail.data() : curl_easy_strerror(code));
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response.status);
    return response;
}

bool Client::Connection::was_request_sent() const {
    long bytes = 0;
    return curl_easy_getinfo(curl_.get(), CURLINFO_REQUEST_SIZE, &bytes) == CURLE_OK && bytes > 0;
}

Error Client::Connection::error_from_code(CURLcode code, const char* detail) const {
    const std::string url = server_.url;
    const std::string reason = std::string(" (") + detail + ")";
    switch (code) {
        case CURLE_OUT_OF_MEMORY:
            return {"E-CLIENT-01", Fault::server, "libcurl cannot be initialized",
                    "Check that enough memory is available."};
        case CURLE_URL_MALFORMAT:
        case CURLE_UNSUPPORTED_PROTOCOL:
            // libcurl also returns this code for a response that is not HTTP, which it takes for HTTP/0.9
            if (was_request_sent()) return malformed_response(detail);
            return {"E-CLIENT-05", Fault::caller, "Invalid server URL: " + url + reason,
                    "Use a URL such as http://localhost:8000."};
        case CURLE_OPERATION_TIMEDOUT:
            return {"E-CLIENT-02", Fault::server,
                    "No response from " + url + " within the time limit" + reason,
                    "Increase the time limit, or check the load of the server."};
        case CURLE_WRITE_ERROR:
            return malformed_response("it is larger than 64 MB");
        case CURLE_PARTIAL_FILE:
        case CURLE_RECV_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_WEIRD_SERVER_REPLY:
            return malformed_response(detail);
        default:
            return {"E-CLIENT-01", Fault::server, "Cannot connect to " + url + reason,
                    "Start the server or correct the URL. To check it: curl -f " + url + "/v2/health/ready"};
    }
}

}  // namespace ecgdigit
