# Removes double-natpmp from a router with RouterOS 7.12. None of these commands has been executed.
# Clients keep their mappings on the gateway until these expire.
/container/stop [find interface=veth-natpmp]
# Go on when /container/print shows that it is stopped:
/container/remove [find interface=veth-natpmp]
/container/envs/remove [find name=natpmp]
/container/mounts/remove [find name~"^natpmp[0-9]+\$"]
/ip/firewall/nat/remove [find comment~"^double-natpmp/default " dynamic=no]
/ip/firewall/nat/remove [find comment~"^double-natpmp(: |-(tcp|udp)-)" dynamic=no]
/ip/firewall/nat/remove [find comment="NAT-PMP to double-natpmp"]
/ip/firewall/filter/remove [find comment~"^double-natpmp: "]
/ip/firewall/mangle/remove [find comment~"^double-natpmp: "]
/ip/firewall/raw/remove [find comment~"^double-natpmp: "]
/ip/firewall/address-list/remove [find comment~"^double-natpmp: "]
/routing/rule/remove [find comment~"^double-natpmp: "]
/ip/route/remove [find comment~"^double-natpmp: "]
/routing/table/remove [find comment~"^double-natpmp: "]
/ip/address/remove [find interface=veth-natpmp]
/interface/veth/remove [find name=veth-natpmp]
# If no other mangle rules mark connections:
/ip/firewall/filter/set [find action=fasttrack-connection connection-mark=no-mark] !connection-mark
# If no second daemon uses them:
/user/remove [find name=natpmp group=natpmp]
/user/group/remove [find name=natpmp]
# If no other program uses the API:
/ip/service/set api disabled=yes address=""
