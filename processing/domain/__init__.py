"""The words of the house: images, studies, cases, messages, results, decisions and errors.

Nothing here reads a file, opens a connection or imports from another room.
"""
