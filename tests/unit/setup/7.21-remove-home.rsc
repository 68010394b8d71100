# Removes double-natpmp from a router with RouterOS 7.21. None of these commands has been executed.
# Clients keep their mappings on the gateway until these expire.
# Stop this daemon first. What setup has made stays, because a second daemon may use it: without INSTANCE, setup --remove prints the commands for that.
/ip/firewall/nat/remove [find comment~"^double-natpmp/home " dynamic=no]
