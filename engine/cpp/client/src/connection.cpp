#include "connection.h"

#include <algorithm>
#include <array>

#include "answer.h"

namespace ecgdigit {
namespace {

constexpr std::size_t largest_body = std::size_t{64} << 20U;  // a page's has less than 1 MB
constexpr std::size_t longest_header = 40;
constexpr long connect_ms = 10'000;
constexpr std::string_view length_header = "inference-header-content-length:";

struct FreeingList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, FreeingList>;

// libcurl's initialisation is the process's, once; it is never undone, since others may use libcurl too.
bool is_initialised() {
    static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    return code == CURLE_OK;
}

// Returns another number than it was given where the answer is too large; then libcurl gives up. What is
// called by libcurl, which is C, must not throw.
std::size_t take_body(char* data, std::size_t /*always 1*/, std::size_t size, void* response) noexcept {
    auto& body = static_cast<Response*>(response)->body;
    if (size > largest_body - body.size()) return 0;
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

std::size_t take_header(char* data, std::size_t /*always 1*/, std::size_t size, void* response) noexcept {
    std::string_view line(data, size);
    const bool is_length = line.size() > length_header.size() &&
                           std::equal(length_header.begin(), length_header.end(), line.begin(),
                                      [](char known, char letter) { return known == lower(letter); });
    if (!is_length) return size;
    line.remove_prefix(length_header.size());
    const auto begin = line.find_first_not_of(" \t");
    const auto end = line.find_last_not_of(" \t\r\n");
    if (begin == std::string_view::npos || end - begin >= longest_header) return size;
    try {
        static_cast<Response*>(response)->header_length.assign(line.substr(begin, end - begin + 1));
    } catch (const std::exception&) {
        return 0;
    }
    return size;
}

Headers headers(std::size_t header_length) {
    const std::array lines = {
        "Inference-Header-Content-Length: " + std::to_string(header_length),
        std::string("Content-Type: application/octet-stream"),
        std::string("Expect:"),  // or libcurl waits a second for a server's leave to send a large page
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
    : server_(std::move(server)), curl_(is_initialised() ? curl_easy_init() : nullptr) {
    while (!server_.url.empty() && server_.url.back() == '/') server_.url.pop_back();
}

std::variant<Response, Error> Client::Connection::post(const Request& request) {
    const Headers lines = headers(request.header_length);
    if (curl_ == nullptr || lines == nullptr) return error_from_code(CURLE_OUT_OF_MEMORY, "");
    const std::string url = server_.url + "/v2/models/" + server_.model + "/infer";
    const long timeout_ms = static_cast<long>(server_.timeout.count());
    std::array<char, CURL_ERROR_SIZE> said{};
    Response response;
    CURL* const curl = curl_.get();
    curl_easy_reset(curl);  // options only: the connection stays
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);  // timeouts by signal are not for threads
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, std::min(timeout_ms, connect_ms));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines.get());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &response);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &response);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, said.data());
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
    if (code != CURLE_OK) {
        return error_from_code(code, said[0] != '\0' ? said.data() : curl_easy_strerror(code));
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response.status);
    return response;
}

Error Client::Connection::error_from_code(CURLcode code, const char* said) const {
    const std::string url = server_.url;
    const std::string told = std::string(" (") + said + ")";
    switch (code) {
        case CURLE_OUT_OF_MEMORY:
            return {"E-CLIENT-01", Fault::server, "libcurl cannot be used", "See that memory is left."};
        case CURLE_URL_MALFORMAT:
        case CURLE_UNSUPPORTED_PROTOCOL:
            return {"E-CLIENT-05", Fault::caller, url + " is no address of a server" + told,
                    "Give one such as http://localhost:8000."};
        case CURLE_OPERATION_TIMEDOUT:
            return {"E-CLIENT-02", Fault::server, url + " gave no answer in time" + told,
                    "Give it longer, or see what it is busy with."};
        case CURLE_WRITE_ERROR:
            return malformed("it is larger than any page");
        case CURLE_PARTIAL_FILE:
        case CURLE_RECV_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_WEIRD_SERVER_REPLY:
            return malformed(said);
        default:
            return {
                "E-CLIENT-01", Fault::server, "no server can be reached at " + url + told,
                "Start it, or name its address; curl -f " + url + "/v2/health/ready tells when it is there."};
    }
}

}  // namespace ecgdigit
