/* The version of the program and, if it was known at the build, the commit: 0.1.0+772a000abcde. The version
 * itself is in CMakeLists.txt. */
#pragma once

extern const char version[];
