/* SPDX-License-Identifier: Apache-2.0
 *
 * For cppcheck alone, which does not read jansson's header: what its loops are.
 */
#define json_array_foreach(array, i, value)                                                        \
    for (i = 0; (value = json_array_get(array, i)); i++)
#define json_object_foreach(object, key, value)                                                    \
    for (key = json_object_iter_key(json_object_iter(object)); (value = json_object_get(object, key));)
