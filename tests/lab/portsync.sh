#!/bin/sh
# portsync.sh GLUETUN CLIENT: keeps a torrent client's port equal to the one that gluetun's control server tells, as its
# documentation describes it: {"port":N,"ports":[N,...]}, and 0 if there is none. CLIENT is the address of qBittorrent's
# web API.
current=
while sleep 0.2; do
    port=$(curl --silent --fail --max-time 5 "$1/v1/portforward" | jq --raw-output .port) || continue
    case $port in '' | 0 | null | "$current") continue ;; esac
    curl --silent --fail --max-time 5 --data-urlencode "json={\"listen_port\":$port}" \
        "$2/api/v2/app/setPreferences" && current=$port
done
