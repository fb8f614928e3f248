// Numbers as they travel: little-endian, whatever this machine's order is.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace ecgdigit::wire {

// The first four bytes; there must be four.
inline std::uint32_t number_at(std::string_view bytes) {
    std::uint32_t value = 0;
    for (unsigned place = 0; place < 4; ++place) {
        value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[place])) << (8U * place);
    }
    return value;
}

inline float float_at(std::string_view bytes) {
    static_assert(sizeof(float) == sizeof(std::uint32_t));
    const std::uint32_t bits = number_at(bytes);
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline void append(std::string& bytes, std::uint32_t value) {
    for (unsigned place = 0; place < 4; ++place) {
        bytes += static_cast<char>(static_cast<unsigned char>(value >> (8U * place)));
    }
}

inline void append(std::string& bytes, float value) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    append(bytes, bits);
}

}  // namespace ecgdigit::wire
