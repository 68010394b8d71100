# rows(FILE NAME...) writes FILE with a line ROW("NAME", NAME as an identifier) for each NAME. A C file that includes it
# has a table of everything that is in a folder.
function(rows file)
  set(lines "")
  foreach(name ${ARGN})
    string(MAKE_C_IDENTIFIER ${name} identifier)
    string(APPEND lines "ROW(\"${name}\", ${identifier})\n")
  endforeach()
  file(CONFIGURE OUTPUT ${file} CONTENT "${lines}" @ONLY)
endfunction()
