// Little-endian numbers of the protocol, independent of the byte order of this machine.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace ecgdigit::wire {

// Returns the number in the first four bytes. `bytes` must not be shorter.
inline std::uint32_t uint32_at(std::string_view bytes) {
    std::uint32_t value = 0;
    for (unsigned k = 0; k < 4; ++k) {
        value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[k])) << (8U * k);
    }
    return value;
}

inline float float_at(std::string_view bytes) {
    static_assert(sizeof(float) == sizeof(std::uint32_t));
    const std::uint32_t bits = uint32_at(bytes);
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline void append(std::string& bytes, std::uint32_t value) {
    for (unsigned k = 0; k < 4; ++k) {
        bytes += static_cast<char>(static_cast<unsigned char>(value >> (8U * k)));
    }
}

inline void append(std::string& bytes, float value) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    append(bytes, bits);
}

}  // namespace ecgdigit::wire
