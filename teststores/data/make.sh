#!/bin/sh
# Makes the certificates of the tests anew: an authority, two servers, a client, and the key of an
# account. They are good for a hundred years and for nothing else.
set -e
cd "$(dirname "$0")"
days=36500
extensions=$(mktemp)
key() { # NAME
    openssl ecparam -name prime256v1 -genkey -noout |
        openssl pkcs8 -topk8 -nocrypt -out "$1.key.pem"
}
signed() { # NAME ALTERNATIVE_NAMES [MORE]
    key "$1"
    printf 'basicConstraints=CA:FALSE\nsubjectAltName=%s\n%s\n' "$2" "$3" > "$extensions"
    openssl req -new -key "$1.key.pem" -subj "/CN=$1" |
        openssl x509 -req -CA ca.pem -CAkey ca.key.pem -CAcreateserial -days $days \
            -extfile "$extensions" -out "$1.pem"
}
key ca
openssl req -x509 -new -key ca.key.pem -subj "/CN=authority of tests" -days $days -out ca.pem \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign"
signed server DNS:localhost,DNS:traces.localhost,IP:127.0.0.1
signed named DNS:store.test
signed client DNS:client.test extendedKeyUsage=clientAuth
openssl genrsa 2048 | openssl pkcs8 -topk8 -nocrypt -out service-account.key.pem
rm -f "$extensions" ca.key.pem ca.srl
