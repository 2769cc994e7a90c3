dnl SPDX-License-Identifier: GPL-3.0-or-later

dnl MASTERY_COMPILE_FLAGS(VARIABLE, FLAGS)
dnl Appends to VARIABLE each of FLAGS that the compiler accepts without a warning. Each is tried with
dnl the user's CFLAGS, because some depend on them: _FORTIFY_SOURCE needs optimisation. Several flags
dnl in one pair of quotes are tried together.
AC_DEFUN([MASTERY_COMPILE_FLAGS], [
    for mastery_flag in $2; do
        AS_VAR_PUSHDEF([mastery_cache], [mastery_cv_compile_$mastery_flag])
        AC_CACHE_CHECK([whether $CC accepts $mastery_flag], [mastery_cache], [
            mastery_saved_CFLAGS=$CFLAGS
            CFLAGS="$CFLAGS -Werror $mastery_flag"
            AC_COMPILE_IFELSE([AC_LANG_SOURCE([MASTERY_PROGRAM])],
                [AS_VAR_SET([mastery_cache], [yes])], [AS_VAR_SET([mastery_cache], [no])])
            CFLAGS=$mastery_saved_CFLAGS])
        AS_VAR_IF([mastery_cache], [yes], [AS_VAR_APPEND([$1], [" $mastery_flag"])])
        AS_VAR_POPDEF([mastery_cache])
    done])

dnl MASTERY_LINK_FLAGS(VARIABLE, FLAGS)
dnl Appends to VARIABLE each of FLAGS that the linker accepts without a warning.
AC_DEFUN([MASTERY_LINK_FLAGS], [
    for mastery_flag in $2; do
        AS_VAR_PUSHDEF([mastery_cache], [mastery_cv_link_$mastery_flag])
        AC_CACHE_CHECK([whether the linker accepts $mastery_flag], [mastery_cache], [
            mastery_saved_CFLAGS=$CFLAGS
            mastery_saved_LDFLAGS=$LDFLAGS
            CFLAGS="$CFLAGS -Werror -fPIE"
            LDFLAGS="$LDFLAGS -Werror $mastery_flag"
            AC_LINK_IFELSE([AC_LANG_SOURCE([MASTERY_PROGRAM])],
                [AS_VAR_SET([mastery_cache], [yes])], [AS_VAR_SET([mastery_cache], [no])])
            CFLAGS=$mastery_saved_CFLAGS
            LDFLAGS=$mastery_saved_LDFLAGS])
        AS_VAR_IF([mastery_cache], [yes], [AS_VAR_APPEND([$1], [" $mastery_flag"])])
        AS_VAR_POPDEF([mastery_cache])
    done])

dnl The test program. It includes a header of the C library, because glibc's headers warn about some
dnl flags (_FORTIFY_SOURCE without optimisation).
m4_define([MASTERY_PROGRAM], [[
#include <stdio.h>
int main(void)
{
    return puts("tried") < 0;
}
]])

dnl MASTERY_CHECK_FUNCTIONS(LIBRARY, FUNCTIONS, MESSAGE)
dnl Stops with the error MESSAGE unless each function can be linked from -lLIBRARY.
AC_DEFUN([MASTERY_CHECK_FUNCTIONS], [
    m4_foreach_w([mastery_function], [$2],
        [AC_CHECK_LIB([$1], mastery_function, [:], [AC_MSG_ERROR([$3])])])])
