/* The style of the status page: for phones and wide screens, in the colours that the reader's system prefers.
 * The texts have a contrast of 4.5 or more. */
#pragma once

#define PAGE_STYLE                                                                                           \
    ":root{color-scheme:light dark;--b:#fff;--t:#1b1f24;--m:#57606a;--l:#d0d7de;--c:#f6f8fa;--g:#1a7f37;"    \
    "--r:#b3261e;--p:#0969da}"                                                                               \
    "@media(prefers-color-scheme:dark){:root{--b:#0d1117;--t:#e6edf3;--m:#9da5ae;--l:#3d444d;--c:#161b22;"   \
    "--g:#3fb950;--r:#ff7b72;--p:#58a6ff}}"                                                                  \
    "*{box-sizing:border-box}"                                                                               \
    "body{margin:0 auto;max-width:64rem;padding:1rem;background:var(--b);color:var(--t);"                    \
    "font:1rem/1.5 system-ui,sans-serif}"                                                                    \
    "h1{font-size:1.3rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .5rem}p{margin:.2rem 0}"              \
    "small,th,dt,figcaption{color:var(--m);font-size:.85rem;font-weight:400}"                                \
    "b,td,time{font-variant-numeric:tabular-nums}"                                                           \
    "code{font-size:.9rem;overflow-wrap:anywhere;user-select:all}"                                           \
    ".g{color:var(--g)}.r{color:var(--r)}"                                                                   \
    ".w{border:1px solid var(--r);border-radius:.5rem;padding:.6rem 1rem;margin:1rem 0}"                     \
    "ol.n{display:flex;gap:2rem;list-style:none;margin:1rem 0;padding:0}"                                    \
    ".n li{flex:1;position:relative;border:1px solid var(--l);border-radius:.5rem;background:var(--c);"      \
    "padding:.6rem .8rem;overflow-wrap:anywhere}"                                                            \
    ".n li+li::before{content:'\\2192';position:absolute;left:-1.55rem;top:40%;color:var(--m)}"              \
    ".n b{display:block}"                                                                                    \
    "table{border-collapse:collapse;width:100%}"                                                             \
    "th,td{text-align:left;padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--l)}"                  \
    "ul{list-style:none;margin:0;padding:0}ul li{padding:.25rem 0;border-bottom:1px solid var(--l)}"         \
    "time{color:var(--m);margin-right:.8rem}"                                                                \
    "figure{margin:.6rem 0}svg{display:block;width:100%;height:3rem;background:var(--c);"                    \
    "border:1px solid var(--l);border-radius:.3rem}"                                                         \
    "path{fill:none;stroke:var(--p);stroke-width:2;vector-effect:non-scaling-stroke}"                        \
    "a{color:var(--p)}footer{margin-top:2rem}"                                                               \
    "@media(max-width:44rem){ol.n{flex-direction:column}"                                                    \
    ".n li+li::before{content:'\\2193';left:50%;top:-1.75rem}"                                               \
    "thead{position:absolute;left:-99rem}tr{display:block;border-bottom:1px solid var(--l);padding:.5rem 0}" \
    "td{display:flex;justify-content:space-between;gap:1rem;border:0;padding:.1rem 0}"                       \
    "td::before{content:attr(data-l);color:var(--m)}ul time{display:block}}"
