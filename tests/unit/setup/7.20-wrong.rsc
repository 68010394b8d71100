# Do not paste these commands yet: the router has no interface wg9. To mend it, set MIKROTIK_IN_INTERFACE to a name that /interface/print shows, or unset it. Then run setup again.
# double-natpmp in a container on RouterOS 7.20. None of these commands has been executed.
# Replace CHANGE-ME with the same password everywhere, and 172.30.254.0/30 with another network if the router uses it already.

# A user for the API. It needs the policy test for /ip/route/check, which names the interface to the gateway.
/user/group/add name=natpmp policy=read,write,test,api
/user/add name=natpmp group=natpmp password=CHANGE-ME address=172.30.254.2
# Without addresses the service answers whoever reaches the router. Add those of other programs that use it.
/ip/service/set api disabled=no address=172.30.254.2/32

# A separate network for the container: in the subnet of the LAN its replies would bypass the router's NAT.
/interface/veth/add name=veth-natpmp address=172.30.254.2/30 gateway=172.30.254.1
/ip/address/add address=172.30.254.1/30 interface=veth-natpmp

# The way to the gateway: through the tunnel, with the tunnel's address as source.
/ip/route/add dst-address=10.2.0.1/32 gateway=wg1 comment="double-natpmp: gateway"
/ip/firewall/nat/add chain=srcnat src-address=172.30.254.0/30 out-interface=wg1 action=masquerade comment="double-natpmp: gateway"

# Connections that came in through the tunnel are answered through the tunnel.
/routing/table/add name=vpn-in fib comment="double-natpmp: return path"
/ip/route/add dst-address=0.0.0.0/0 gateway=wg1 routing-table=vpn-in comment="double-natpmp: return path"
/ip/firewall/mangle/add chain=prerouting in-interface=wg1 connection-state=new connection-mark=no-mark action=mark-connection new-connection-mark=vpn-in passthrough=yes comment="double-natpmp: return path"
/ip/firewall/mangle/add chain=prerouting in-interface=!wg1 connection-mark=vpn-in action=mark-routing new-routing-mark=vpn-in passthrough=no comment="double-natpmp: return path"
/ip/firewall/mangle/move [find comment~"^double-natpmp: "] destination=[:pick [/ip/firewall/mangle/find dynamic=no] 0]
/ip/firewall/filter/set [find action=fasttrack-connection] connection-mark=no-mark

# NAT-PMP requests from the LAN go to the container. The rule comes first, so that no other rule takes them.
/ip/firewall/nat/add chain=dstnat in-interface-list=LAN dst-address-type=local protocol=udp dst-port=5351 action=dst-nat to-addresses=172.30.254.2 comment="NAT-PMP to double-natpmp"
/ip/firewall/nat/move [find comment="NAT-PMP to double-natpmp"] destination=[:pick [/ip/firewall/nat/find chain=dstnat dynamic=no] 0]
/ip/nat-pmp/set enabled=no

# The container reaches the API and the gateway, and requests from the LAN reach the container. The last command moves the rules to the front.
/ip/firewall/filter/add chain=input in-interface=veth-natpmp protocol=tcp dst-port=8728 action=accept comment="double-natpmp: API"
/ip/firewall/filter/add chain=forward src-address=172.30.254.2 dst-address=10.2.0.1 protocol=udp dst-port=5351 action=accept comment="double-natpmp: gateway"
/ip/firewall/filter/add chain=forward in-interface-list=LAN dst-address=172.30.254.2 protocol=udp dst-port=5351 action=accept comment="double-natpmp: requests"
/ip/firewall/filter/add chain=forward in-interface=wg1 connection-nat-state=dstnat action=accept comment="double-natpmp: mapped ports"
/ip/firewall/filter/move [find comment~"^double-natpmp: "] destination=[:pick [/ip/firewall/filter/find dynamic=no] 0]

# The container, from the uploaded file double-natpmp.tar. The router must have a DNS server (/ip/dns/print).
/container/envs/add list=natpmp key=VPN_GATEWAY value=10.2.0.1
/container/envs/add list=natpmp key=MIKROTIK_API_ADDRESS value=172.30.254.1:8728
/container/envs/add list=natpmp key=MIKROTIK_API_PASSWORD value=CHANGE-ME
/container/envs/add list=natpmp key=MIKROTIK_API_USER value=natpmp
/container/add file=double-natpmp.tar interface=veth-natpmp envlists=natpmp entrypoint=/double-natpmp logging=yes start-on-boot=yes auto-restart-interval=30s
# Start it when /container/print shows that it is extracted (stopped):
/container/start [find interface=veth-natpmp]
