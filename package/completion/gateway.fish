# SPDX-License-Identifier: MIT
#
# gateway.fish - what may stand next on a command line of gateway? (fish)
#
# test/package/docs holds its options and commands against `gateway -h`.

# The configuration that this command line is about.
function __gateway_file
    set -l words (commandline -opc)
    set -l at (contains -i -- -c $words)
    if test -n "$at"; and set -q words[(math $at + 1)]
        echo $words[(math $at + 1)]
    else if test -r gateway.ini
        echo gateway.ini
    else
        echo /etc/gateway/gateway.ini
    end
end

function __gateway_users
    awk '/^\[/ { users = /^\[users[ \t]/ } users && /^[^][#; \t]/ && /=/ { sub(/[ \t]*=.*/, ""); if ($0 != "file") print }' (__gateway_file) 2>/dev/null
end

function __gateway_sites
    awk '/^\[site[ \t]/ && !/\*/ { sub(/^\[site[ \t]+/, ""); sub(/[ \t]*\].*/, ""); print $0 "/" }' (__gateway_file) 2>/dev/null
end

set -l commands check explain pin passwd logout cache purge
set -l none "not __fish_seen_subcommand_from $commands"

complete -c gateway -f
complete -c gateway -n $none -s c -r -F -d 'Take this configuration'
complete -c gateway -n $none -s h -d 'Print what there is'
complete -c gateway -n $none -s V -d 'Print the version'
complete -c gateway -n $none -a check -d 'Check the file; print its routes, certificates and memory'
complete -c gateway -n $none -a explain -d 'Say which site, route and server a request meets'
complete -c gateway -n $none -a pin -d 'Print verify=pin:... for the key that a server shows'
complete -c gateway -n $none -a passwd -d 'Ask for a password, print the line for [users]'
complete -c gateway -n $none -a logout -d 'End all sessions of a user'
complete -c gateway -n $none -a cache -d 'What the running gateway keeps'
complete -c gateway -n $none -a purge -d 'The running gateway forgets what it keeps of a URL'

complete -c gateway -n '__fish_seen_subcommand_from explain' -s H -x -d 'With this header field'
complete -c gateway -n '__fish_seen_subcommand_from explain' -l method -x -a 'GET HEAD POST PUT PATCH DELETE OPTIONS' -d 'With this method'
complete -c gateway -n '__fish_seen_subcommand_from explain' -l from -x -d 'From this client'
complete -c gateway -n '__fish_seen_subcommand_from explain' -a '(__gateway_sites)'
complete -c gateway -n '__fish_seen_subcommand_from pin' -a 'https://'
complete -c gateway -n '__fish_seen_subcommand_from passwd logout' -a '(__gateway_users)'
complete -c gateway -n '__fish_seen_subcommand_from cache' -a check
complete -c gateway -n '__fish_seen_subcommand_from purge' -l prefix -x -a 'http:// https://' -d 'Of all URLs that begin so'
complete -c gateway -n '__fish_seen_subcommand_from purge' -a 'http:// https://'
